"""The contract: what sites and the coordinator must agree on. It imports neither side."""
