"""Completions, and the replies that run in the background: a task's id is the id of its message."""

from django.urls import path

from chat.completions import views

urlpatterns = [
    path("api/chat/completions", views.ChatCompletions.as_view(), name="chat-completions"),
    path("api/tasks/stop/<str:task_id>", views.StopTask.as_view(), name="task-stop"),
    path("api/tasks/chat/<str:chat_id>", views.ChatTasks.as_view(), name="chat-tasks"),
]
