# Rscript lme4.R FILE n p ENGINE...: FILE holds float64 columns y, g, x1..xp; ENGINE is glm, glmer or glmer25.
# Prints one JSON object a line: the fitting call's wall seconds, reading excluded.
arguments <- commandArgs(TRUE)
n <- as.numeric(arguments[2]); p <- as.integer(arguments[3]); engines <- arguments[-(1:3)]
values <- readBin(arguments[1], "double", n * (p + 2)); dim(values) <- c(n, p + 2)
rows <- as.data.frame(values); rm(values)
names(rows) <- c("y", "g", paste0("x", 1:p)); rows$g <- factor(rows$g)
fixed <- as.formula(paste("y ~", paste0("x", 1:p, collapse = " + ")))
mixed <- update(fixed, . ~ . + (1 | g))
invisible(gc())
control <- NULL
if (any(c("glmer", "glmer25") %in% engines)) {
  suppressMessages(library(lme4))
  control <- glmerControl(optimizer = "bobyqa", calc.derivs = FALSE, optCtrl = list(maxfun = 1e5))
}
for (engine in engines) {
  began <- proc.time()[3]
  model <- switch(engine,
    glm = glm(fixed, data = rows, family = binomial),
    glmer = glmer(mixed, data = rows, family = binomial, nAGQ = 1, control = control),
    glmer25 = glmer(mixed, data = rows, family = binomial, nAGQ = 25, control = control))
  seconds <- proc.time()[3] - began
  what <- sprintf("%s, BLAS %s", R.version.string, basename(extSoftVersion()[["BLAS"]]))
  if (engine != "glm") what <- sprintf("lme4 %s, %s", packageVersion("lme4"), what)
  cat(sprintf('{"seconds": %.3f, "log_likelihood": %.6f, "what": "%s"}\n', seconds, as.numeric(logLik(model)), what))
}
