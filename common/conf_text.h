/*
 * The text of hearth.conf before libConfuse sees it.  libConfuse takes a
 * missing brace at the end of the file for one, lets the last of two values win,
 * and stops at its first error; so braces, quotes, names and repetitions are
 * looked at here, and where each option stands is remembered for later messages.
 */
#ifndef COMMON_CONF_TEXT_H
#define COMMON_CONF_TEXT_H

#include "common/base.h"

/* What hearth.conf may hold: sections of options.  The first section is the file itself. */
struct conf_option {
	const char *name;
	int kind;     /* enum conf_kind in conf_read.h */
	bool list;    /* takes several values in braces */
	size_t at;    /* where its value goes, in the struct of its section */
	const char *preset; /* as if it were written, when it is not; NULL: nothing */
	uint64_t least, most; /* of numbers */
};

struct conf_section {
	const char *name;
	bool titled; /* NAME "title" { ... }, any number of them */
	const struct conf_option *options;
	size_t noptions;
};

struct conf_text;

/* H_INVALID if something was wrong; everything about it was said then. */
enum herr conf_text_open(const char *file, const struct conf_section *,
    size_t nsections, struct conf_text **) MUST_USE;
void conf_text_close(struct conf_text **);
const char *conf_text_bytes(const struct conf_text *); /* with a final NUL */

/* Where the option stands in this (of several) sections; else where the section begins; else 1. */
unsigned conf_text_line(const struct conf_text *, const struct conf_section *,
    unsigned instance, const char *option);

/* "FILE:LINE: ..." on standard error. */
void conf_text_complain(struct conf_text *, unsigned line, const char *, ...)
    PRINTF_LIKE(3, 4);
bool conf_text_good(const struct conf_text *); /* nothing was complained of */

#endif
