"""Commands around a sweep: a card for a job, what a sweep will cost, and its rehearsal."""
