"""What runs in the middle: it sums the sites' contributions and takes the step."""
