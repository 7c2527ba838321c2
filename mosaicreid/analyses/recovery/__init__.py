"""Does the method find what attributes are worth, where that is known and dealt by chance?"""
