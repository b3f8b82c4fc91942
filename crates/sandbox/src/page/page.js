'use strict';
(() => {
  const main = document.getElementById('main');
  const live = document.getElementById('live');
  let etag = '';
  let asking = new AbortController();
  let next = 0;

  // What is opened, focused, selected or scrolled stays so: nodes are changed in place, and found again by their id.
  const change = (node, wanted) => {
    if (node.nodeType !== Node.ELEMENT_NODE) {
      if (node.data !== wanted.data) node.data = wanted.data;
      return;
    }
    for (const name of node.getAttributeNames()) {
      if (name !== 'open' && !wanted.hasAttribute(name)) node.removeAttribute(name);
    }
    for (const name of wanted.getAttributeNames()) {
      const value = wanted.getAttribute(name);
      if (name !== 'open' && node.getAttribute(name) !== value) node.setAttribute(name, value);
    }
    changeChildren(node, wanted);
  };

  const changeChildren = (node, wanted) => {
    const ids = new Set(Array.from(wanted.children, (child) => child.id));
    const known = new Map();
    for (const child of Array.from(node.children)) {
      if (child.id && !ids.has(child.id)) child.remove();
      else if (child.id) known.set(child.id, child);
    }
    let at = node.firstChild;
    for (const child of Array.from(wanted.childNodes)) {
      const alike = at && !at.id && !child.id && at.nodeName === child.nodeName ? at : null;
      const old = child.id ? known.get(child.id) : alike;
      if (old && old.nodeName === child.nodeName) {
        if (old === at) at = at.nextSibling;
        else node.insertBefore(old, at);
        change(old, child);
      } else {
        node.insertBefore(document.importNode(child, true), at);
      }
    }
    while (at) {
      const rest = at.nextSibling;
      at.remove();
      at = rest;
    }
  };

  // A log that is read at its end is followed; one that is scrolled back stays where it is.
  const show = (text) => {
    const tail = document.getElementById('tail');
    const followed = !tail || tail.scrollHeight - tail.scrollTop - tail.clientHeight < 12;
    changeChildren(main, new DOMParser().parseFromString(text, 'text/html').body);
    if (followed) toTheEnd();
  };

  const toTheEnd = () => {
    const tail = document.getElementById('tail');
    if (tail) tail.scrollTop = tail.scrollHeight;
  };

  const say = (alive) => {
    if (alive === (document.body.dataset.live === 'yes') && document.body.dataset.live) return;
    document.body.dataset.live = alive ? 'yes' : 'no';
    const since = new Date().toISOString().slice(11, 19);
    live.textContent = alive ? 'Live' : `The sandbox is gone: no answer since ${since}. This is what was last seen.`;
  };

  const look = async () => {
    clearTimeout(next);
    asking.abort();
    const mine = new AbortController();
    asking = mine;
    const limit = setTimeout(() => mine.abort(), 5000);
    try {
      const answer = await fetch('/_sandbox/page' + location.search, {
        cache: 'no-store',
        headers: etag ? { 'If-None-Match': etag } : {},
        signal: mine.signal,
      });
      if (!answer.ok && answer.status !== 304) throw new Error(answer.status);
      const text = answer.ok ? await answer.text() : '';
      if (mine !== asking) return;
      if (answer.ok) show(text);
      if (answer.ok) etag = answer.headers.get('etag') || '';
      say(true);
    } catch {
      if (mine !== asking) return;
      say(false);
    } finally {
      clearTimeout(limit);
    }
    next = setTimeout(look, document.hidden ? 10000 : 1000);
  };

  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-view]');
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    history.pushState(null, '', link.href);
    look();
  });
  addEventListener('popstate', look);
  document.addEventListener('visibilitychange', () => document.hidden || look());
  toTheEnd();
  look();
})();
