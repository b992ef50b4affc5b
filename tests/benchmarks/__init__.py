"""How fast optcli is beside others, as ratios measured in one run."""
