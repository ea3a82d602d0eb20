// Keeps the page of an analysis as things are: its events say what has changed, and that part of the page is asked for anew.
"use strict";

(function () {
  const RETRY = 2000;
  const ENDED = "yes";
  let wasLost = false;

  function say(text, tone) {
    const place = document.getElementById("connection");
    place.textContent = text;
    place.dataset.tone = tone;
  }

  function changed(part) {
    htmx.trigger(document.getElementById(part), "changed");
  }

  function hasEnded() {
    return document.querySelector("#standing [data-ended]").dataset.ended === ENDED;
  }

  function over(source) {
    source.close();
    say("It has ended: nothing more will change here.", "over");
  }

  function follow(address, last) {
    const source = new EventSource(address + "?after=" + last);
    source.addEventListener("open", function () {
      say(wasLost ? "The connection is back: this page is live again." : "This page is live.", "live");
      if (wasLost) {
        changed("standing");
        changed("trace");
      }
      wasLost = false;
    });
    source.addEventListener("state", function (event) {
      last = event.lastEventId;
      changed("standing");
      if (JSON.parse(document.getElementById("connection").dataset.endings).includes(JSON.parse(event.data).state)) {
        over(source);
      }
    });
    source.addEventListener("round", function (event) {
      last = event.lastEventId;
      changed("trace");
    });
    source.addEventListener("error", function () {
      if (hasEnded()) {
        over(source);
        return;
      }
      wasLost = true;
      say("The connection to the coordinator is lost. Trying again …", "lost");
      if (source.readyState === EventSource.CLOSED) {
        // something answered, and not with events: the standing says why, or that one has to sign in again
        changed("standing");
        window.setTimeout(function () { follow(address, last); }, RETRY);
      }
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    const place = document.getElementById("connection");
    if (place) {
      follow(place.dataset.events, place.dataset.after);
    }
  });
})();
