import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { asksBeforeLeaving } from "./lib/drafts";
import { line } from "./lib/line.svelte";
import { pages } from "./lib/pages";
import { here } from "./lib/place.svelte";
import { session } from "./lib/session.svelte";
import { settings } from "./lib/settings.svelte";

const target = document.getElementById("app");

// All that will be needed is asked for at once, not one after the other has come: who looks, which
// lines there are, and the code of the frame and of the page. What fails is asked for again in its turn.
void session.load();
line.foresee();
for (const load of [() => import("./components/Shell.svelte"), pages.find((page) => page.id === here.now.page)?.load]) {
  load?.().catch(() => {});
}

asksBeforeLeaving(window);

// Words first: a page drawn without them would jump when they come.
settings.setLanguage(settings.language).finally(() => {
  if (target) mount(App, { target });
});
