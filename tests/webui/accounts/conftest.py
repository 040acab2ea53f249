"""A fixture: a site with single sign-on at the scripted server."""

import pytest
from allauth.socialaccount.providers import registry
from django.core.cache import cache

from webui.accounts.openid.sign_in import SiteOpenIDProvider


@pytest.fixture
def openid(upstream, settings):
    """The provider of this site: `openid.person` is who agrees there."""
    cache.clear()
    registry.register(SiteOpenIDProvider)
    settings.ROOT_URLCONF = "tests.webui.accounts.openid_site"
    settings.SOCIALACCOUNT_PROVIDERS = upstream.openid.settings()
    return upstream.openid
