"""The mathematics of docs/model.md: one site's exact value, gradient and Hessian."""
