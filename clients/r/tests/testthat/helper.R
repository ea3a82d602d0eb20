recorded <- function(name) {
  if (name == "beta-blockers") return(fed_read(system.file("extdata", "beta-blockers.json", package = "fedglmm")))
  fed_read(test_path("results", paste0(name, ".json")))
}

printed <- function(fit) {
  before <- options(useFancyQuotes = FALSE, digits = 7, width = 100)
  on.exit(options(before))
  utils::capture.output(print(summary(fit)))
}

problem <- function(code, where = "formula", message = "no.", remedy = "Do.") {
  sprintf('{"code":"%s","message":"%s","where":"%s","remedy":"%s"}', code, message, where, remedy)
}
