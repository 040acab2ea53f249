// What one does on the page of pictures: draw, watch what is under way, look at what there is.
import * as pick from "../common/pick.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as inputs from "./inputs.js";
import * as jobs from "./jobs.js";
import * as view from "./lightbox.js";
import * as selection from "./selection.js";
import * as stars from "./stars.js";

if (document.getElementById("draw")) form.start(); // there is no engine without it
pick.start();
jobs.start();
gallery.start();
stars.start();
selection.start();
view.start();
inputs.onRecipe((id) => view.show(id, { push: true }));
