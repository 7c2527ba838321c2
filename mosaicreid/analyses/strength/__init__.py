"""At a strong baseline, what do labels alone bring, and what do experts add to them?"""
