"""What the project claims about its performance, measured: `python -m benchmarks [NAME]`. Every module has a `main`."""
