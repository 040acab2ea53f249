"""The pages of the chat, and the parts of them that their scripts ask for."""

from django.urls import path

from chat.pages import paper, temporary, views

urlpatterns = [
    path("", views.home, name="home"),
    path("c/<uuid:chat_id>", views.show_chat, name="chat"),
    path("c/<uuid:chat_id>/print", paper.chat_on_paper, name="print-chat"),
    path("c/<uuid:chat_id>/thread", views.thread_part, name="thread"),
    path("c/<uuid:chat_id>/messages/<uuid:message_id>", views.message_part, name="message"),
    path("sidebar", views.sidebar_part, name="sidebar"),
    path("welcome", views.welcome_part, name="welcome"),
    path("rules", views.rules_part, name="chat-rules"),
    path("sidebar/filters", views.filters_part, name="sidebar-filters"),
    path("models", views.models_part, name="models"),
    path("budget-warning", views.budget_part, name="budget-warning"),
    path("temporary/messages", temporary.RenderMessages.as_view(), name="temporary-messages"),
]
