// Package console opens the console of the edge tool in Chromium: each scenario uses the views and
// the buttons of one part of the page and checks what the page says.
package console
