# Numbers and tables as text.

lines <- function(...) paste(c(...), collapse = "\n")

counted <- function(number, noun) sprintf("%d %s%s", as.integer(number), noun, if (number == 1) "" else "s")

# So many decimals, and no minus before a zero.
fixed_digits <- function(values, digits) {
  shown <- sprintf("%.*f", digits, values)
  zero <- sprintf("%.*f", digits, 0)
  ifelse(is.na(values), "", ifelse(shown == paste0("-", zero), zero, shown))
}

# So many significant digits.
digits_of <- function(values, digits = 4) ifelse(is.na(values), "", sprintf("%.*g", as.integer(digits), values))

# A matrix of texts as lines of columns: the first so many to the left, the others to the right.
aligned <- function(table, left) {
  width <- apply(nchar(table), 2L, max)
  cells <- vapply(seq_along(width), function(k) {
    formatC(table[, k], width = width[k], flag = if (k <= left) "-" else "")
  }, character(nrow(table)))
  trimws(apply(matrix(cells, nrow(table)), 1L, paste, collapse = " "), "right")
}
