/* SPDX-License-Identifier: MIT */
/*
 * A line is put together first, and then cut to the width and written. It may hold what
 * anybody gave as a property, so a terminal gets no control bytes of it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "cleanup.h"
#include "ioreg_print.h"
#include "json_text.h"

#define STATE_INACTIVE	0x01u
#define STATE_PUBLISHED	0x0au	/* registered; first publish done */
#define STATE_MATCHED	0x14u	/* matched; first match done */

#define NS_PER_MS	1000000u
#define DUMP_COLUMNS	16u
#define DUMP_ABOVE	8u	/* bytes of data that are dumped with -f */

#define BOLD_ON		"\033[1m"
#define BOLD_OFF	"\033[0m"

static struct line {
	char *text;		/* owned */
	size_t size, room;
	size_t bold, plain;	/* from, to */
} line;

/* Lines */

/* A line that memory does not suffice for is not worth going on for. */
static void put_bytes(const char *bytes, size_t n)
{
	if (line.room - line.size < n) {
		line.room = 2 * line.room + n + 256;
		line.text = realloc(line.text, line.room);
		if (!line.text) {
			fputs("ioreg: no memory\n", stderr);
			exit(1);
		}
	}
	memcpy(line.text + line.size, bytes, n);
	line.size += n;
}

static void put(const char *text)
{
	put_bytes(text, strlen(text));
}

__attribute__((format(printf, 1, 2)))
static void put_format(const char *format, ...)
{
	char text[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put(text);
}

static void indent(const struct bars *bars, unsigned columns)
{
	for (unsigned i = 0; i < columns; i++)
		put(bars->more[i] ? "| " : "  ");
}

/* A byte of UTF-8 that is not the first of its character. */
static bool goes_on(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static bool steers(const char *c, const char *end)
{
	unsigned char first = (unsigned char)*c;

	return first < 0x20 || first == 0x7f ||
	       (first == 0xc2 && c + 1 < end && (unsigned char)c[1] < 0xa0);
}

static void tame(const struct style *style)
{
	const char *end = line.text + line.size;

	for (char *c = line.text; c < end; c++) {
		if (*c == '\n' && style->width)
			*c = ' ';
		else if (style->for_terminal && steers(c, end) && *c != '\n')
			*c = '?';
	}
}

/* Where the line is cut: a character less than fits, for the mark. */
static size_t cut(unsigned width)
{
	unsigned columns = 0;
	size_t at = line.size;

	for (size_t i = 0; i < line.size; i++) {
		if (goes_on(line.text[i]))
			continue;
		if (columns == width - 1)
			at = i;
		if (columns++ == width)
			return at;
	}
	return line.size;
}

static void write_out(size_t from, size_t to)
{
	if (to > from)
		fwrite(line.text + from, 1, to - from, stdout);
}

static size_t least(size_t one, size_t other)
{
	return one < other ? one : other;
}

static void end_line(const struct style *style)
{
	size_t end;

	tame(style);
	end = style->width ? cut(style->width) : line.size;
	if (line.plain > line.bold && line.bold < end) {
		write_out(0, line.bold);
		fputs(BOLD_ON, stdout);
		write_out(line.bold, least(line.plain, end));
		fputs(BOLD_OFF, stdout);
		write_out(least(line.plain, end), end);
	} else {
		write_out(0, end);
	}
	fputs(end < line.size ? "$\n" : "\n", stdout);
	line.size = line.bold = line.plain = 0;
}

/* Data */

/* Bytes of the UTF-8 character at @text, which can be shown; 0: it cannot. */
static size_t character(const char *text, size_t size)
{
	unsigned char first = (unsigned char)*text;
	size_t n = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 :
		   first < 0xf5 ? 4 : 0;

	if (n == 0 || n > size || steers(text, text + size))
		return 0;
	for (size_t i = 1; i < n; i++)
		if (!goes_on(text[i]))
			return 0;
	return n;
}

/* Strings with a NUL between two, and mostly ASCII. */
static bool is_text(const char *data, size_t size)
{
	size_t n_ascii = 0;
	bool was_nul = true;

	for (size_t i = 0; i < size; ) {
		size_t n = data[i] ? character(data + i, size - i) : !was_nul;

		if (n == 0)
			return false;
		was_nul = !data[i];
		n_ascii += (unsigned char)data[i] < 0x80;
		i += n;
	}
	return size >= 2 && 5 * n_ascii >= 4 * size;
}

static void put_hex(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put_format("%02x", (unsigned char)data[i]);
}

static void put_strings(const char *data, size_t size)
{
	const char *end = data + size;

	while (data < end) {
		size_t n = strnlen(data, (size_t)(end - data));

		put("\"");
		put_bytes(data, n);
		put("\"");
		data += n + 1;
		if (data < end)
			put(",");
	}
}

static void put_data(const struct style *style, const char *data, size_t size)
{
	put("<");
	if (!style->hex && is_text(data, size))
		put_strings(data, size);
	else
		put_hex(data, size);
	put(">");
}

/* The 32-bit words of a device tree's property. */
static void put_words(const char *data, size_t size)
{
	for (size_t i = 0; i + 4 <= size; i += 4) {
		uint32_t word;

		memcpy(&word, data + i, sizeof(word));
		put_format("%s%08" PRIx32, i ? " " : "", word);
	}
}

/* A mask of slots, and a name for each. */
static void put_slots(const char *data, size_t size)
{
	put_words(data, least(size, 4));
	if (size > 4) {
		put(": ");
		put_strings(data + 4, size - 4);
	}
}

static bool is_of_words(const char *key, size_t size)
{
	static const char *const keys[] = { "reg", "assigned-addresses", "ranges",
					    "interrupt-map", "interrupts", "interrupt-parent" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return size > 0 && size % 4 == 0;
	return false;
}

static void dump_line(const char *data, size_t size, size_t at)
{
	size_t end = least(size, at + DUMP_COLUMNS);

	put_format("    %08zx:", at);
	for (size_t i = at; i < at + DUMP_COLUMNS; i++)
		i < end ? put_format(" %02x", (unsigned char)data[i]) : put("   ");
	put("  ");
	for (size_t i = at; i < end; i++)
		put_format("%c", data[i] >= ' ' && data[i] < 0x7f ? data[i] : '.');
}

/* -f: the rest of the line after "key" = , and more lines. */
static void put_decoded(const struct style *style, const struct bars *bars, const char *key,
			const char *data, size_t size)
{
	bool is_slots = strcmp(key, "slot-names") == 0;

	if (is_slots || is_of_words(key, size)) {
		put("<");
		is_slots ? put_slots(data, size) : put_words(data, size);
		put(">");
		return;
	}
	if (size <= DUMP_ABOVE) {
		put_data(style, data, size);
		return;
	}
	for (size_t at = 0; at < size; at += DUMP_COLUMNS) {
		end_line(style);
		indent(bars, bars->depth + 2);
		dump_line(data, size, at);
	}
}

/* Values */

/* A form of the mount: an object with the one key @form. */
static json_t *form_of(const json_t *value, const char *form)
{
	return json_object_size(value) == 1 ? json_object_get(value, form) : NULL;
}

/* As the entry has it: the mount writes $$ for a key's first $. */
static const char *key_of(const char *key)
{
	return key[0] == '$' && key[1] == '$' ? key + 1 : key;
}

static int compare_keys(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* Its keys, sorted; the caller's; NULL: no memory, or none. */
static const char **sorted_keys(const json_t *object)
{
	size_t n = json_object_size(object), i = 0;
	const char **keys = calloc(n + 1, sizeof(*keys));
	void *at = json_object_iter((json_t *)(uintptr_t)object);

	for (; keys && at && i < n; at = json_object_iter_next((json_t *)(uintptr_t)object, at))
		keys[i++] = json_object_iter_key(at);
	if (keys)
		qsort(keys, n, sizeof(*keys), compare_keys);
	return keys;
}

static void put_value(const struct style *style, const json_t *value);

static void put_items(const struct style *style, const json_t *array, const char *brackets)
{
	put_bytes(&brackets[0], 1);
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i)
			put(",");
		put_value(style, json_array_get(array, i));
	}
	put_bytes(&brackets[1], 1);
}

static void put_members(const struct style *style, const json_t *object)
{
	const char **keys = sorted_keys(object);

	put("{");
	for (size_t i = 0; keys && keys[i]; i++) {
		put(i ? ",\"" : "\"");
		put(key_of(keys[i]));
		put("\"=");
		put_value(style, json_object_get(object, keys[i]));
	}
	put("}");
	free(keys);
}

static void put_number(const struct style *style, const json_t *number)
{
	uint64_t word = 0;

	json_text_word(number, &word);
	put_format(style->hex ? "0x%" PRIx64 : "%" PRIu64, word);
}

/* The bytes of data, the caller's; NULL for another value. */
static char *data_of(const json_t *value, size_t *ret_size)
{
	const json_t *form = form_of(value, "$data");
	const char *text = json_string_value(form);
	size_t length = json_string_length(form);
	size_t size = text ? base64_size(text, length) : SIZE_MAX;
	char *data = size == SIZE_MAX ? NULL : malloc(size + 1);

	if (data && base64_take(text, length, data) < 0) {
		free(data);
		return NULL;
	}
	*ret_size = size;
	return data;
}

static void put_object(const struct style *style, const json_t *object)
{
	size_t size;
	_cleanup_(freep) char *data = data_of(object, &size);

	if (data)
		put_data(style, data, size);
	else if (form_of(object, "$set"))
		put_items(style, form_of(object, "$set"), "[]");
	else if (json_object_get(object, "$num"))
		put_number(style, json_object_get(object, "$num"));
	else
		put_members(style, object);
}

static void put_value(const struct style *style, const json_t *value)
{
	if (json_is_string(value)) {
		put("\"");
		put_bytes(json_string_value(value), json_string_length(value));
		put("\"");
	} else if (json_is_array(value)) {
		put_items(style, value, "()");
	} else if (json_is_object(value)) {
		put_object(style, value);
	} else if (json_is_boolean(value)) {
		put(json_is_true(value) ? "Yes" : "No");
	} else {
		put_number(style, value);
	}
}

/* Text */

/* Control bytes as the mount's own names have them, so that a name stays in its line. */
static void put_name(const char *name)
{
	for (; *name; name++) {
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			put_format("%%%02X", (unsigned char)*name);
		else
			put_bytes(name, 1);
	}
}

/* Base first, but for the base of all. */
static void put_lineage(struct entry *entry)
{
	_cleanup_(freep) char *classes = strdup(entry_classes(entry));
	bool is_first = true;
	char *name;

	do {
		char *at = classes ? strrchr(classes, '\n') : NULL;

		name = at ? at + 1 : classes;
		if (at)
			*at = '\0';
		if (!name || strcmp(name, "OSObject") == 0)
			continue;
		put(is_first ? "" : ":");
		put_name(name);
		is_first = false;
	} while (name != classes);
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += n)
		if ((at == text || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return false;
}

static uint32_t state_of(const struct entry *entry)
{
	_cleanup_(freep) char *text = entry_text(entry, "state");
	uint32_t state = 0;

	if (!text || !has_word(text, "active"))
		return STATE_INACTIVE;
	if (has_word(text, "registered"))
		state |= STATE_PUBLISHED;
	if (has_word(text, "matched"))
		state |= STATE_MATCHED;
	return state;
}

/* What was busy for less than a millisecond shows no time: to be registered takes that. */
static void put_busy(const struct entry *entry)
{
	uint64_t ms = entry_number(entry, "busy_time") / NS_PER_MS;

	put_format(", busy %" PRIu64, entry_number(entry, "busy"));
	if (ms > 0)
		put_format(" (%" PRIu64 " ms)", ms);
}

void print_node(const struct style *style, struct entry *entry, const struct bars *bars)
{
	indent(bars, bars->depth);
	put("+-o ");
	line.bold = line.size;
	put_name(entry->name);
	if (style->bold)
		line.plain = line.size;
	put(*entry->location ? "@" : "");
	put_name(entry->location);
	put("  <class ");
	style->lineage ? put_lineage(entry) : put_name(entry_class(entry));
	put_format(", id 0x%" PRIx64, entry->id);
	if (!entry->is_root) {
		uint32_t state = state_of(entry);

		put_format(", %sregistered, %smatched, %sactive",
			   state & STATE_PUBLISHED ? "" : "!", state & STATE_MATCHED ? "" : "!",
			   state & STATE_INACTIVE ? "in" : "");
		put_busy(entry);
	}
	put_format(", retain %" PRIu64 ">", entry_number(entry, "retain"));
	end_line(style);
}

static void print_text(const struct style *style, const struct bars *bars, const char *text)
{
	indent(bars, bars->depth + 2);
	put(text);
	end_line(style);
}

static void print_property(const struct style *style, const struct bars *bars, const char *key,
			   const json_t *value)
{
	size_t size;
	_cleanup_(freep) char *data = style->decode ? data_of(value, &size) : NULL;

	indent(bars, bars->depth + 2);
	put("  \"");
	put(key);
	put("\" = ");
	if (data)
		put_decoded(style, bars, key, data, size);
	else
		put_value(style, value);
	end_line(style);
}

void print_properties(const struct style *style, struct entry *entry, const struct bars *bars)
{
	const json_t *properties = entry_properties(entry);
	const char **keys = sorted_keys(properties);

	print_text(style, bars, "{");
	for (size_t i = 0; keys && keys[i]; i++)
		print_property(style, bars, key_of(keys[i]), json_object_get(properties, keys[i]));
	print_text(style, bars, "}");
	print_text(style, bars, "");
	free(keys);
}

/* JSON */

static json_t *sets_as_arrays(const json_t *value);

static json_t *items_of(const json_t *array)
{
	json_t *result = json_array();

	for (size_t i = 0; i < json_array_size(array); i++)
		json_array_append_new(result, sets_as_arrays(json_array_get(array, i)));
	return result;
}

static json_t *members_of(const json_t *object)
{
	json_t *result = json_object();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
		json_object_set_new(result, key, sets_as_arrays(value));
	return result;
}

static json_t *sets_as_arrays(const json_t *value)
{
	if (json_is_array(value))
		return items_of(value);
	if (!json_is_object(value))
		return json_incref((json_t *)(uintptr_t)value);
	return form_of(value, "$set") ? items_of(form_of(value, "$set")) : members_of(value);
}

/* A name may be any bytes; JSON is UTF-8. */
static json_t *text_as_json(const char *text)
{
	json_t *value = json_string(text);
	_cleanup_(freep) char *ascii = value ? NULL : strdup(text);

	for (char *c = ascii; c && *c; c++)
		if (*c & 0x80)
			*c = '?';
	return value ? value : json_string(ascii ? ascii : "");
}

/* Base first. */
static json_t *lineage_as_json(struct entry *entry)
{
	json_t *result = json_array();
	_cleanup_(freep) char *classes = strdup(entry_classes(entry));
	char *at = NULL;

	for (char *name = classes ? strtok_r(classes, "\n", &at) : NULL; name;
	     name = strtok_r(NULL, "\n", &at))
		json_array_insert_new(result, 0, text_as_json(name));
	return result;
}

static void set_number(json_t *object, const char *key, uint64_t number)
{
	json_object_set_new(object, key, json_integer((json_int_t)number));
}

/* The control characters that JSON may have as they are, by their numbers. @text is taken over. */
static char *without_steering(char *text)
{
	const char *end = text + strlen(text), *from = text;

	for (const char *c = text; c < end; c++) {
		if (!steers(c, end))
			continue;
		put_bytes(from, (size_t)(c - from));
		c += (unsigned char)*c == 0xc2;
		put_format("\\u%04x", (unsigned char)*c);
		from = c + 1;
	}
	put_bytes(from, (size_t)(end - from) + 1);
	free(text);
	text = strdup(line.text);
	line.size = 0;
	return text;
}

char *json_node(const struct style *style, struct entry *entry, bool with_properties)
{
	json_t *object = with_properties ? members_of(entry_properties(entry)) : json_object();
	char *text;

	json_object_set_new(object, "IORegistryEntryName", text_as_json(entry->name));
	if (*entry->location)
		json_object_set_new(object, "IORegistryEntryLocation",
				    text_as_json(entry->location));
	set_number(object, "IORegistryEntryID", entry->id);
	json_object_set_new(object, "IOObjectClass", text_as_json(entry_class(entry)));
	if (style->lineage)
		json_object_set_new(object, "IOObjectInheritance", lineage_as_json(entry));
	set_number(object, "IOObjectRetainCount", entry_number(entry, "retain"));
	if (!entry->is_root) {
		set_number(object, "IOServiceState", state_of(entry));
		set_number(object, "IOServiceBusyState", entry_number(entry, "busy"));
		set_number(object, "IOServiceBusyTime", entry_number(entry, "busy_time"));
	}
	text = json_text_print(object, true);
	json_decref(object);
	if (!text)
		return NULL;
	text[strlen(text) - 1] = '\0';
	return without_steering(text);
}
