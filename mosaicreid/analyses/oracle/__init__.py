"""What the oracle gives away: a trained model with labels changed, added, or experts switched off (page: oracle)."""
