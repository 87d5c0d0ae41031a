/* SPDX-License-Identifier: MIT */
#include "files/asking.h"
#include "util/failure.h"

static void on_answer(struct question *question, IOReturn code, struct driver_line *line)
{
	struct asking *asking = container_of(question, struct asking, question);

	(void)line;
	asking->code = code;
	asking->is_done = true;
	waits_changed(asking->waits);
}

int asking_start(struct asking *asking, struct service *service, struct client *client,
		 struct waits *waits)
{
	int r;

	asking->question.answered = on_answer;
	asking->waits = waits;
	asking->is_done = false;
	r = question_ask(&asking->question, service, client);
	return r < 0 ? r : FILE_WAIT_ALWAYS;
}

int asking_result(const struct asking *asking)
{
	if (!asking->is_done)
		return FILE_WAIT_ALWAYS;
	return asking->code == kIOReturnSuccess ? 0 : failure_code((uint32_t)asking->code);
}

void asking_stop(struct asking *asking)
{
	question_withdraw(&asking->question);
}
