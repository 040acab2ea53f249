"""Tasks of the task model. People see their results; failures go to the log alone.

after_answers.py  what they do once an answer is finished
ask.py            which model runs them, and how it is called
templates.py      `{{MESSAGES:END:6}}`, `{{prompt}}` and other placeholders in its prompts
titles.py         the title of a chat
follow_ups.py     suggestions of what to ask next
summaries.py      the beginning of a long chat in few words
"""

from chat.tasks.after_answers import after_reply
from chat.tasks.ask import ask, ask_in_json, complete, complete_as_json, task_route
from chat.tasks.follow_ups import follow_ups_in, follow_ups_prompt, give_up_follow_ups, suggest_follow_ups
from chat.tasks.titles import clean_title, first_words, name_chat, title_prompt

__all__ = [
    "after_reply",
    "ask",
    "ask_in_json",
    "clean_title",
    "complete",
    "complete_as_json",
    "first_words",
    "follow_ups_in",
    "follow_ups_prompt",
    "give_up_follow_ups",
    "name_chat",
    "suggest_follow_ups",
    "task_route",
    "title_prompt",
]
