"""Data: tables, made-up data sets, and their preparation for training."""
