"""The ready reasons, by the thumb that they are for."""

from django.utils.translation import gettext_lazy as _

from chat.models import Feedback

REASONS = {
    Feedback.Rating.UP: {
        "right": _("Correct"),
        "clear": _("Easy to understand"),
        "complete": _("Complete"),
        "style": _("Good style"),
    },
    Feedback.Rating.DOWN: {
        "wrong": _("Not correct"),
        "ignored": _("Did not follow my instructions"),
        "incomplete": _("Something is missing"),
        "long": _("Too long"),
        "refused": _("Refused without need"),
        "bad_style": _("Poor style"),
    },
}
LABELS = {name: label for reasons in REASONS.values() for name, label in reasons.items()}
