# JSON without the loss of a bit. jsonlite reads a number to the nearest double; it writes at most 15 digits.

# Lists for objects and arrays alike; null is NULL.
parsed <- function(text) jsonlite::parse_json(text, simplifyVector = FALSE)

# A request's body: numbers with the 17 digits that a double needs.
json_of <- function(fields) {
  exact <- lapply(fields, function(value) {
    if (is.numeric(value)) structure(sprintf("%.17g", value), class = "json") else value
  })
  unclass(jsonlite::toJSON(exact, auto_unbox = TRUE, json_verbatim = TRUE))
}

# Numbers out of parsed values; null is NA.
numbers <- function(values) vapply(values, function(value) if (is.null(value)) NA_real_ else as.double(value), 0)

# Texts out of parsed values; null is NA.
texts <- function(values) vapply(values, function(value) if (is.null(value)) NA_character_ else as.character(value), "")

# One field of each row.
field <- function(rows, name) lapply(rows, `[[`, name)

matrix_of <- function(table) {
  names <- texts(table$names)
  matrix(numbers(unlist_once(table$matrix)), length(names), byrow = TRUE, dimnames = list(names, names))
}

unlist_once <- function(rows) do.call(c, rows)
