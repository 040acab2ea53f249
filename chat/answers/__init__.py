"""The parsers of what models answer: text, reasoning, pictures and tool calls.

reader.py        streams and whole bodies, as pieces
deltas.py        the members of a message or a delta
calls.py         the tool calls in them
pictures.py      pictures in the middle of a text
reasoning.py     reasoning in front of a text
responses.py     answers in the form of the Responses API
json_in_text.py  JSON somewhere in a text
"""
