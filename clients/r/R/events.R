# Server-sent events, read from bytes as they come: https://html.spec.whatwg.org/multipage/server-sent-events.html

# A function that takes bytes and calls `on_event(id, kind, data)` for each event in them. The coordinator ends lines with LF.
event_reader <- function(on_event) {
  rest <- raw()
  id <- kind <- ""
  data <- character()
  take_line <- function(line) {
    if (!nzchar(line)) {
      if (length(data)) on_event(id, kind, paste(data, collapse = "\n"))
      kind <<- ""
      data <<- character()
      return()
    }
    value <- sub("^[^:]*:? ?", "", line)
    switch(sub(":.*$", "", line), id = id <<- value, event = kind <<- value, data = data <<- c(data, value))
  }
  function(bytes) {
    rest <<- c(rest, bytes)
    last <- max(0L, which(rest == as.raw(10L)))
    if (last == 0L) return(invisible())
    lines <- strsplit(as_text(rest[seq_len(last)]), "\r?\n")[[1L]]
    rest <<- rest[-seq_len(last)]
    for (line in lines) take_line(line)
    invisible()
  }
}
