// Package domain holds the words of HuleEdu's edge: who calls, what may be
// asked, what is announced and what can go wrong. It is pure Go on the standard
// library, does no I/O, and knows no transport except the event envelope, which
// is itself a word of the business.
package domain
