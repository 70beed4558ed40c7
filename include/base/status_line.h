/*
 * One line at the bottom of the terminal that stderr is, saying what long work is at. It is wiped
 * before anything else is written there: by the log itself, by whoever writes to stdout through
 * status_line_wipe. Nothing happens where stderr is no capable terminal.
 */
#ifndef BASE_STATUS_LINE_H
#define BASE_STATUS_LINE_H

/* Shows the text, cut at the terminal's width, in place of the one before. Printable ASCII. */
void status_line_show(const char *text);

void status_line_wipe(void);

#endif
