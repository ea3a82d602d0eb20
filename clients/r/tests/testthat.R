library(testthat)
library(fedglmm)

test_check("fedglmm")
