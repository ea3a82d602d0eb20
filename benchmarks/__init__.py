"""What the project claims about its performance, measured: `python -m benchmarks [NAME ...]`; a benchmark has a `main`."""
