/* signet-setup */
int main(void)
{
	return 2;
}
