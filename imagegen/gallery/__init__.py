"""A person's pictures as a collection: which there are, what is starred, and what is done with many of them at once.

filters.py   which pictures, and in which order
services.py  the verbs
api.py       the API
"""
