"""Addresses of accounts that an administrator or the console made count as proved.

Until now nobody wrote that down: only those who made an account for themselves, or came through a provider, have a
primary row of django-allauth's.
"""

from django.conf import settings
from django.db import migrations


def vouch(apps, schema_editor):
    users = apps.get_model(settings.AUTH_USER_MODEL)
    addresses = apps.get_model("account", "EmailAddress")
    proved = set(addresses.objects.filter(verified=True).values_list("email", flat=True))
    own = set(addresses.objects.filter(primary=True).values_list("user_id", flat=True))
    for user in users.objects.exclude(pk__in=own).only("pk", "email").iterator():
        email = user.email.lower()
        if email not in proved:
            addresses.objects.update_or_create(
                user_id=user.pk, email=email, defaults={"verified": True, "primary": True}
            )


class Migration(migrations.Migration):
    dependencies = [
        ("webui", "0002_setup_links"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [migrations.RunPython(vouch, migrations.RunPython.noop)]
