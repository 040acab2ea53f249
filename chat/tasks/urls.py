"""The routes of the tasks of the task model."""

from django.urls import path

from chat.tasks import api

urlpatterns = [
    path("api/v1/tasks/title/completions", api.Title.as_view(), name="task-title"),
    path("api/v1/tasks/follow_ups/completions", api.FollowUps.as_view(), name="task-follow-ups"),
]
