"""Tool servers: whose tools models may call besides the site's own.

rows.py      rows as frozen values, for one version of the configuration; who may use which
grants.py    people's own grants
source.py    the tools of a person, as `chat.tools` offers them
lists.py     ask a server for its tools, and keep what it says
connect.py   a person's way to a grant of their own, over the processes of the site
services.py  the verbs of pages and API
api.py       tools, decisions and grants as JSON
views.py     the page in the settings

`chat.tool_kinds` speaks to the servers; it knows no rows and no people.
"""
