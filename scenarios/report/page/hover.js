"use strict";
// Values under the pointer. The page says everything without it: the same numbers stand in the table.
(function () {
  var figure = document.getElementById("course"), readout = document.getElementById("readout");
  var table = document.querySelector("#course-details table");
  if (!figure || !readout || !table) { return; }
  var names = Array.prototype.map.call(table.tHead.rows[0].cells, function (c) { return c.textContent; });
  readout.hidden = false;
  var rows = table.tBodies[0].rows;
  function show(svg, i) {
    var left = +svg.dataset.left, step = +svg.dataset.step, cursor = svg.querySelector(".cursor");
    if (i < 0 || i >= rows.length) { return; }
    if (!cursor) {
      cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
      cursor.setAttribute("class", "cursor");
      svg.appendChild(cursor);
    }
    var x = left + (i + 0.5) * step;
    cursor.setAttribute("x1", x); cursor.setAttribute("x2", x);
    cursor.setAttribute("y1", svg.dataset.top); cursor.setAttribute("y2", svg.dataset.bottom);
    readout.textContent = Array.prototype.map.call(rows[i].cells, function (c, n) { return names[n] + " " + c.textContent; }).join("  ·  ");
    svg.dataset.at = i;
  }
  Array.prototype.forEach.call(figure.querySelectorAll("svg"), function (svg) {
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("pointermove", function (e) {
      var box = svg.getBoundingClientRect();
      var x = (e.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      show(svg, Math.floor((x - svg.dataset.left) / svg.dataset.step));
    });
    svg.addEventListener("keydown", function (e) {
      var by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!by) { return; }
      e.preventDefault();
      show(svg, svg.dataset.at === undefined ? 0 : +svg.dataset.at + by);
    });
  });
})();
