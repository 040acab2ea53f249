// What one does on the page of pictures: draw, watch what is under way, look at what there is.
import * as pick from "../common/pick.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as jobs from "./jobs.js";
import * as view from "./lightbox.js";

if (document.getElementById("draw")) form.start(); // there is no engine without it
pick.start();
jobs.start();
gallery.start();
view.start();
