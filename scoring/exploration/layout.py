"""The version of the bandit's features. A leaf: what only stores logged features needs no numerics."""

LAYOUT = 1  # raise it when a feature changes its meaning: sums of another layout are worthless
