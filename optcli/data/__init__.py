"""Data: tables, synthetic data sets, and their preparation for training."""
