"""The coordinator's pages: the same analyses as over REST, for people with a browser. Rendered and loaded here, nowhere else."""
