"""Losses: one file each, named as in a config; `base` has what they share."""
