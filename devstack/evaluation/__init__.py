"""Offline evaluation: the product and the baselines of the literature on the same cases, from files alone."""
