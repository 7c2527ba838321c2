"""Whether another encoder ranks attributes alike: Table 3 on each of several backbones, compared."""
