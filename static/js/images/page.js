// The page of pictures: puts its parts together. Links of the sidebar are plain links here, there is no htmx.
import * as sidebar from "../chat/sidebar.js";
import { setTimeZone } from "../common/cookies.js";
import { byId } from "../common/dom.js";
import * as shortcuts from "../common/shortcuts.js";
import * as socket from "../common/socket.js";
import { watchTheme } from "../common/theme.js";
import * as told from "../common/told.js";

setTimeZone();
sidebar.start();
shortcuts.start({ search: sidebar.focusSearch });
watchTheme();
byId("search").addEventListener("input", sidebar.refresh);
if (document.getElementById("gallery")) await import("./studio.js"); // it is not where drawing is switched off
told.start();
socket.connect();
