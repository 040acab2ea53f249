"""A site that holds much: 100,000 messages (50 a chat), 50,000 usage records, 10,000 pictures."""

import json
import time

from tests.chat.talk import Talker
from tests.chat.test_processes import RemoteSite

LITTLE = {"chats": 120, "usage": 150, "files": 150}  # more than any page shows at once
STEPS = [{"chats": 940}, {"chats": 940}, {"usage": 49_850, "files": 9_850}]  # each in less than a minute
MOST_GROWTH = 1.1  # of a page's bytes: numbers become longer, lists do not
PAGES = (
    *(
        "/",
        "/sidebar",
        "/sidebar?q=quagga",
        "/sidebar?q=nobody+said+this",
        "/chats",
        "/chats?q=quagga&pictures=true",
        "/chats/archive",
        "/chats/trash",
        "/api/v1/search?q=quagga",
        "/images",
        "/images/gallery",
        "/images/jobs",
    ),
    *("/images/gallery?q=kite", "/settings", "/settings/keys", "/settings/usage", "/models"),
    *("/api/v1/chats/", "/api/v1/files/", "/api/v1/images/jobs", "/admin/"),
    *("/admin/chat/chat/", "/admin/chat/message/", "/admin/chat/message/?q=quagga", "/admin/chat/file/"),
    *("/admin/providers/usagerecord/", "/admin/providers/usagerecord/?q=m1", "/admin/imagegen/imagejob/"),
    *("/admin/providers/connection/", "/metrics", "/readyz"),
)


def inside(site, call):
    """What a function of `crowded` prints in this installation."""
    program = f"from tests.soak import crowded; crowded.{call}"
    return site.manage("shell", "--verbosity", "0", "-c", program).stdout


def test_pages_of_a_site_that_holds_much_cost_no_more_queries(server_process, environment, database):
    drawing = {"ENABLE_IMAGE_GENERATION": "true", "IMAGE_GENERATION_ENGINE": "openai", "IMAGES_OPENAI_API_KEY": "k"}
    site = server_process(server="uvicorn", env={**environment, **drawing, **database}).start()
    talker = Talker(RemoteSite(site))
    inside(site, f"fill(**{LITTLE})")
    [newest, *_] = talker.send("GET", "/api/v1/chats/")["results"]
    chat = f"/c/{newest['id']}"
    pages = (*PAGES, chat, f"{chat}/thread", f"/api/v1/chats/{newest['id']}")

    before = json.loads(inside(site, f"measure({pages})"))
    for more in STEPS:
        inside(site, f"fill(**{more})")
    after = json.loads(inside(site, f"measure({pages})"))

    for page in pages:
        begun = time.perf_counter()
        answer = talker.session.get(f"{site.url}{page}", timeout=60)
        took = time.perf_counter() - begun
        assert answer.status_code == 200, f"{page}: {answer.text[:500]}"
        print(f"{page}: {before[page]} → {after[page]} (queries, bytes, ms); over the socket {took * 1000:.0f} ms")
    slower = {page: (before[page][0], after[page][0]) for page in pages if after[page][0] > before[page][0]}
    assert slower == {}
    longer = {
        page: (before[page][1], after[page][1]) for page in pages if after[page][1] > before[page][1] * MOST_GROWTH
    }
    assert longer == {}
    assert "Traceback" not in site.log()
