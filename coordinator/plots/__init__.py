"""Pictures of a result: SVG texts, made of the result alone. Each plot is a module with one function of its name."""
