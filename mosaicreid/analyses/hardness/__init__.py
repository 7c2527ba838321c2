"""How hard a world is: what each of its options does to the baseline, and to what the baseline reads of attributes."""
