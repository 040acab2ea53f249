"""The pages, and the parts of them that their scripts ask for."""

from django.urls import path

from chat.memory import views as memory_views
from chat.pages import views
from chat.sharing import views as share_views

urlpatterns = [
    path("", views.home, name="home"),
    path("c/<uuid:chat_id>", views.show_chat, name="chat"),
    path("c/<uuid:chat_id>/thread", views.thread_part, name="thread"),
    path("c/<uuid:chat_id>/messages/<uuid:message_id>", views.message_part, name="message"),
    path("c/<uuid:chat_id>/share", share_views.share_part, name="share"),
    path("s/<uuid:share_id>", share_views.shared, name="shared"),
    path("s/<uuid:share_id>/continue", share_views.continue_shared, name="continue-shared"),
    path("sidebar", views.sidebar_part, name="sidebar"),
    path("settings/memories", memory_views.memories, name="settings_memories"),
    path("settings/memories/use", memory_views.use_memories, name="settings_use_memories"),
    path("settings/memories/delete", memory_views.delete_memories, name="settings_delete_memories"),
    path("settings/memories/<int:memory_id>", memory_views.change_memory, name="settings_change_memory"),
    path("settings/memories/<int:memory_id>/delete", memory_views.delete_memory, name="settings_delete_memory"),
    path("models", views.models_part, name="models"),
]
