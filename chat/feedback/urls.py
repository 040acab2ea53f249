"""Feedback: the routes of the API, and the form below an answer."""

from django.urls import path

from chat.feedback import api, views

urlpatterns = [
    path("api/v1/feedback/", api.FeedbackList.as_view(), name="feedback-list"),
    path(
        "api/v1/chats/<str:chat_id>/messages/<str:message_id>/feedback",
        api.MessageFeedback.as_view(),
        name="message-feedback",
    ),
    path("c/<uuid:chat_id>/messages/<uuid:message_id>/feedback", views.form_part, name="feedback-form"),
]
