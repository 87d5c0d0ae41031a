/* SPDX-License-Identifier: MIT */
/*
 * asking - a request of the kernel's that waits until a driver has said yes or no
 */
#pragma once

#include "service/driver.h"
#include "tree/node.h"

struct asking {
	struct question question;	/* its request and lock are the asker's to fill in */
	struct waits *waits;		/* told when there is an answer */
	IOReturn code;
	bool is_done;
};

/*
 * Ask. Return: FILE_WAIT_ALWAYS, and asking_result() has the answer once @waits were changed;
 * or an errno, and there will be none.
 */
int asking_start(struct asking *asking, struct service *service, struct client *client,
		 struct waits *waits);

/* Return: FILE_WAIT_ALWAYS; 0; or the errno of the driver's code, said by failure_code(). */
int asking_result(const struct asking *asking);

/* No answer is wanted any more. Harmless when nothing was asked. */
void asking_stop(struct asking *asking);
