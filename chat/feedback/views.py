"""The form for reasons below an answer, which its script asks for."""

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from chat import access
from chat.feedback import services
from chat.feedback.reasons import REASONS
from chat.models import Feedback
from chat.pages.views import page


@page
def form_part(request: HttpRequest, chat_id: UUID, message_id: UUID) -> HttpResponseBase:
    row = services.of(access.message_for(request.user, message_id, chat_id=chat_id), request.user.pk or 0)
    reasons = REASONS[Feedback.Rating(row.rating)].items()
    context = {"feedback": row, "reasons": reasons, "longest": services.MAX_TEXT}
    return render(request, "chat/feedback/_form.html", context)
