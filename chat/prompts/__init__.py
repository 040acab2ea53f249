"""The prompt library: saved texts with fields to fill in, called by `/` in the message box, one's own and shared ones.

fields.py    what is to be filled in, and the text with it
services.py  the verbs
api.py       JSON; views.py  the page below the settings, and the list that the message box shows
"""
