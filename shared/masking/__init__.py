"""Masked sums: fixed-point numbers, masks that cancel in the sum over all sites, and proofs that a sum is everybody's."""
